table "authors" {
  schema  = schema.default
  charset = "utf8mb4"
  engine  = InnoDB
  column "id" {
    null           = false
    type           = bigint
    auto_increment = true
  }
  column "name" {
    null = false
    type = varchar(255)
  }
  primary_key {
    columns = [column.id]
  }
  index "uq_authors_name" {
    unique  = true
    columns = [column.name]
  }
}
table "books" {
  schema  = schema.default
  charset = "utf8mb4"
  engine  = InnoDB
  column "id" {
    null           = false
    type           = bigint
    auto_increment = true
  }
  column "title" {
    null = false
    type = varchar(255)
  }
  column "author_id" {
    null = false
    type = bigint
  }
  column "copies" {
    null = false
    type = bigint
  }
  column "cents" {
    null = false
    type = bigint
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "fk_books_author_id" {
    columns     = [column.author_id]
    ref_columns = [table.authors.column.id]
  }
  index "uq_books_author_id_title" {
    unique  = true
    columns = [column.author_id, column.title]
  }
  check "copies_left" {
    expr = "(copies >= 0)"
  }
}
table "orders" {
  schema  = schema.default
  charset = "utf8mb4"
  engine  = InnoDB
  column "id" {
    null           = false
    type           = bigint
    auto_increment = true
  }
  column "book_id" {
    null = false
    type = bigint
  }
  column "email" {
    null = false
    type = varchar(255)
  }
  column "cents" {
    null = false
    type = bigint
  }
  column "placed" {
    null = false
    type = datetime(6)
  }
  column "reported" {
    null = false
    type = bool
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "fk_orders_book_id" {
    columns     = [column.book_id]
    ref_columns = [table.books.column.id]
  }
  index "fk_orders_book_id" {
    columns = [column.book_id]
  }
  index "ix_orders_reported_id" {
    columns = [column.reported, column.id]
  }
}
table "work_keys" {
  schema  = schema.default
  charset = "utf8mb4"
  engine  = InnoDB
  column "digest" {
    null = false
    type = varchar(64)
  }
  column "stored_at" {
    null = false
    type = datetime(6)
  }
  primary_key {
    columns = [column.digest]
  }
  index "ix_work_keys_stored_at" {
    columns = [column.stored_at]
  }
}
schema "default" {
  charset = ""
  collate = ""
}
