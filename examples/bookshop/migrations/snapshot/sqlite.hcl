table "authors" {
  schema = schema.default
  column "id" {
    null           = false
    type           = integer
    auto_increment = true
  }
  column "name" {
    null = false
    type = varchar
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
  schema = schema.default
  column "id" {
    null           = false
    type           = integer
    auto_increment = true
  }
  column "title" {
    null = false
    type = varchar
  }
  column "author_id" {
    null = false
    type = integer
  }
  column "copies" {
    null = false
    type = integer
  }
  column "cents" {
    null = false
    type = integer
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
  schema = schema.default
  column "id" {
    null           = false
    type           = integer
    auto_increment = true
  }
  column "book_id" {
    null = false
    type = integer
  }
  column "email" {
    null = false
    type = varchar
  }
  column "cents" {
    null = false
    type = integer
  }
  column "placed" {
    null = false
    type = sql("timestamp")
  }
  column "reported" {
    null = false
    type = boolean
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "fk_orders_book_id" {
    columns     = [column.book_id]
    ref_columns = [table.books.column.id]
  }
  index "ix_orders_reported_id" {
    columns = [column.reported, column.id]
  }
}
table "work_keys" {
  schema = schema.default
  column "digest" {
    null = false
    type = varchar
  }
  column "stored_at" {
    null = false
    type = sql("timestamp")
  }
  primary_key {
    columns = [column.digest]
  }
  index "ix_work_keys_stored_at" {
    columns = [column.stored_at]
  }
}
schema "default" {
}
