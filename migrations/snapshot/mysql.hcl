# revision: 213a4a721f1d
table "conversation_tags" {
  schema = schema.default
  engine = InnoDB
  column "conversation_id" {
    null    = false
    type    = varchar(36)
    collate = "utf8mb4_bin"
  }
  column "name" {
    null    = false
    type    = varchar(255)
    collate = "utf8mb4_bin"
  }
  column "value" {
    null    = false
    type    = varchar(256)
    collate = "utf8mb4_bin"
  }
  column "created_micros" {
    null    = false
    type    = bigint
    default = 0
  }
  column "updated_micros" {
    null    = false
    type    = bigint
    default = 0
  }
  column "title_sort" {
    null    = false
    type    = varchar(200)
    default = ""
    collate = "utf8mb4_bin"
  }
  primary_key {
    columns = [column.conversation_id, column.name]
  }
  foreign_key "fk_conversation_tags_conversation_id" {
    columns     = [column.conversation_id]
    ref_columns = [table.conversations.column.id]
    on_delete   = CASCADE
  }
  index "ix_conversation_tags_name_created_micros_conversation_id" {
    columns = [column.name, column.created_micros, column.conversation_id]
  }
  index "ix_conversation_tags_name_title_sort_conversation_id" {
    columns = [column.name, column.title_sort, column.conversation_id]
  }
  index "ix_conversation_tags_name_updated_micros_conversation_id" {
    columns = [column.name, column.updated_micros, column.conversation_id]
  }
  index "ix_conversation_tags_name_value_created_micros_conversation_id" {
    columns = [column.name, column.value, column.created_micros, column.conversation_id]
  }
  index "ix_conversation_tags_name_value_title_sort_conversation_id" {
    columns = [column.name, column.value, column.title_sort, column.conversation_id]
  }
  index "ix_conversation_tags_name_value_updated_micros_conversation_id" {
    columns = [column.name, column.value, column.updated_micros, column.conversation_id]
  }
}
table "conversations" {
  schema = schema.default
  engine = InnoDB
  column "id" {
    null    = false
    type    = varchar(36)
    collate = "utf8mb4_bin"
  }
  column "parent_conversation_id" {
    null    = true
    type    = varchar(36)
    collate = "utf8mb4_bin"
  }
  column "has_parent" {
    null    = false
    type    = bool
    default = 0
  }
  column "title" {
    null = true
    type = longtext
  }
  column "title_folded" {
    null = true
    type = longtext
  }
  column "title_sort" {
    null    = false
    type    = varchar(255)
    default = ""
    collate = "utf8mb4_bin"
  }
  column "title_pinned" {
    null = false
    type = bool
  }
  column "tags_pinned" {
    null = false
    type = bool
  }
  column "public_pinned" {
    null = false
    type = bool
  }
  column "execution_status" {
    null    = false
    type    = varchar(64)
    collate = "utf8mb4_bin"
  }
  column "info_digest" {
    null = false
    type = varchar(64)
  }
  column "state_micros" {
    null = false
    type = bigint
  }
  column "info_micros" {
    null = false
    type = bigint
  }
  column "agent" {
    null = false
    type = longtext
  }
  column "agent_skills" {
    null = true
    type = longblob
  }
  column "workspace" {
    null = false
    type = longtext
  }
  column "confirmation_policy" {
    null = false
    type = longtext
  }
  column "stats" {
    null = false
    type = longtext
  }
  column "tags" {
    null = false
    type = longtext
  }
  column "details" {
    null = false
    type = longtext
  }
  column "max_iterations" {
    null = false
    type = bigint
  }
  column "stuck_detection" {
    null = false
    type = bool
  }
  column "leaf_event_id" {
    null    = true
    type    = varchar(255)
    collate = "utf8mb4_bin"
  }
  column "created_by_user_id" {
    null    = true
    type    = varchar(255)
    collate = "utf8mb4_bin"
  }
  column "sandbox_id" {
    null    = true
    type    = varchar(255)
    collate = "utf8mb4_bin"
  }
  column "llm_model" {
    null = true
    type = longtext
  }
  column "agent_kind" {
    null = false
    type = varchar(64)
  }
  column "public" {
    null = false
    type = bool
  }
  column "pr_numbers" {
    null = false
    type = longtext
  }
  column "event_count" {
    null = false
    type = bigint
  }
  column "numbered" {
    null    = false
    type    = bigint
    default = 0
  }
  column "accumulated_cost" {
    null = false
    type = double
  }
  column "max_budget_per_task" {
    null = true
    type = double
  }
  column "prompt_tokens" {
    null = false
    type = bigint
  }
  column "completion_tokens" {
    null = false
    type = bigint
  }
  column "cache_read_tokens" {
    null = false
    type = bigint
  }
  column "cache_write_tokens" {
    null = false
    type = bigint
  }
  column "reasoning_tokens" {
    null = false
    type = bigint
  }
  column "context_window" {
    null = false
    type = bigint
  }
  column "per_turn_token" {
    null = false
    type = bigint
  }
  column "created_at" {
    null = false
    type = datetime(6)
  }
  column "updated_at" {
    null = false
    type = datetime(6)
  }
  primary_key {
    columns = [column.id]
  }
  index "ix_conversations_created_at_id" {
    columns = [column.created_at, column.id]
  }
  index "ix_conversations_execution_status_created_at_id" {
    columns = [column.execution_status, column.created_at, column.id]
  }
  index "ix_conversations_execution_status_updated_at_id" {
    columns = [column.execution_status, column.updated_at, column.id]
  }
  index "ix_conversations_has_parent_created_at_id" {
    columns = [column.has_parent, column.created_at, column.id]
  }
  index "ix_conversations_has_parent_title_sort_id" {
    columns = [column.has_parent, column.title_sort, column.id]
  }
  index "ix_conversations_has_parent_updated_at_id" {
    columns = [column.has_parent, column.updated_at, column.id]
  }
  index "ix_conversations_parent_conversation_id_created_at_id" {
    columns = [column.parent_conversation_id, column.created_at, column.id]
  }
  index "ix_conversations_public_created_at_id" {
    columns = [column.public, column.created_at, column.id]
  }
  index "ix_conversations_public_title_sort_id" {
    columns = [column.public, column.title_sort, column.id]
  }
  index "ix_conversations_public_updated_at_id" {
    columns = [column.public, column.updated_at, column.id]
  }
  index "ix_conversations_sandbox_id_created_at_id" {
    columns = [column.sandbox_id, column.created_at, column.id]
  }
  index "ix_conversations_sandbox_id_title_sort_id" {
    columns = [column.sandbox_id, column.title_sort, column.id]
  }
  index "ix_conversations_sandbox_id_updated_at_id" {
    columns = [column.sandbox_id, column.updated_at, column.id]
  }
  index "ix_conversations_title_sort_id" {
    columns = [column.title_sort, column.id]
  }
  index "ix_conversations_updated_at_id" {
    columns = [column.updated_at, column.id]
  }
}
table "event_counts" {
  schema = schema.default
  engine = InnoDB
  column "conversation_id" {
    null    = false
    type    = varchar(36)
    collate = "utf8mb4_bin"
  }
  column "kind" {
    null    = false
    type    = varchar(255)
    collate = "utf8mb4_bin"
  }
  column "source" {
    null    = false
    type    = varchar(255)
    collate = "utf8mb4_bin"
  }
  column "n" {
    null = false
    type = bigint
  }
  primary_key {
    columns = [column.conversation_id, column.kind, column.source]
  }
  foreign_key "fk_event_counts_conversation_id" {
    columns     = [column.conversation_id]
    ref_columns = [table.conversations.column.id]
    on_delete   = CASCADE
  }
}
table "events" {
  schema = schema.default
  engine = InnoDB
  column "seq" {
    null           = false
    type           = bigint
    auto_increment = true
  }
  column "conversation_id" {
    null    = false
    type    = varchar(36)
    collate = "utf8mb4_bin"
  }
  column "number" {
    null = true
    type = bigint
  }
  column "id" {
    null    = false
    type    = varchar(255)
    collate = "utf8mb4_bin"
  }
  column "kind" {
    null    = false
    type    = varchar(255)
    collate = "utf8mb4_bin"
  }
  column "source" {
    null    = false
    type    = varchar(255)
    collate = "utf8mb4_bin"
  }
  column "ts" {
    null = false
    type = bigint
  }
  column "final" {
    null = false
    type = bool
  }
  column "body" {
    null = true
    type = longtext
  }
  column "payload" {
    null = false
    type = longtext
  }
  column "payload_packed" {
    null = true
    type = longblob
  }
  primary_key {
    columns = [column.seq]
  }
  foreign_key "fk_events_conversation_id" {
    columns     = [column.conversation_id]
    ref_columns = [table.conversations.column.id]
    on_delete   = CASCADE
  }
  index "ix_events_conversation_id_kind_ts_seq" {
    columns = [column.conversation_id, column.kind, column.ts, column.seq]
  }
  index "ix_events_conversation_id_ts_seq" {
    columns = [column.conversation_id, column.ts, column.seq]
  }
  index "uq_events_conversation_id_id" {
    unique  = true
    columns = [column.conversation_id, column.id]
  }
  index "uq_events_conversation_id_number" {
    unique  = true
    columns = [column.conversation_id, column.number]
  }
}
table "refused_deliveries" {
  schema = schema.default
  engine = InnoDB
  column "id" {
    null           = false
    type           = bigint
    auto_increment = true
  }
  column "digest" {
    null = false
    type = varchar(64)
  }
  column "what" {
    null = false
    type = varchar(32)
  }
  column "conversation_id" {
    null = true
    type = varchar(36)
  }
  column "reason" {
    null = false
    type = longtext
  }
  column "size" {
    null = false
    type = bigint
  }
  column "body" {
    null = true
    type = longblob
  }
  column "times" {
    null = false
    type = bigint
  }
  column "received_at" {
    null = false
    type = datetime(6)
  }
  primary_key {
    columns = [column.id]
  }
  index "uq_refused_deliveries_digest" {
    unique  = true
    columns = [column.digest]
  }
}
schema "default" {
  charset = ""
  collate = ""
}
