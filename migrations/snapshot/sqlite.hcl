# revision: 213a4a721f1d
table "conversation_tags" {
  schema = schema.default
  column "conversation_id" {
    null = false
    type = varchar
  }
  column "name" {
    null = false
    type = varchar
  }
  column "value" {
    null = false
    type = varchar
  }
  column "created_micros" {
    null    = false
    type    = integer
    default = 0
  }
  column "updated_micros" {
    null    = false
    type    = integer
    default = 0
  }
  column "title_sort" {
    null    = false
    type    = varchar
    default = ""
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
  column "id" {
    null = false
    type = varchar
  }
  column "parent_conversation_id" {
    null = true
    type = varchar
  }
  column "has_parent" {
    null    = false
    type    = boolean
    default = 0
  }
  column "title" {
    null = true
    type = text
  }
  column "title_folded" {
    null = true
    type = text
  }
  column "title_sort" {
    null    = false
    type    = varchar
    default = ""
  }
  column "title_pinned" {
    null = false
    type = boolean
  }
  column "tags_pinned" {
    null = false
    type = boolean
  }
  column "public_pinned" {
    null = false
    type = boolean
  }
  column "execution_status" {
    null = false
    type = varchar
  }
  column "info_digest" {
    null = false
    type = varchar
  }
  column "state_micros" {
    null = false
    type = integer
  }
  column "info_micros" {
    null = false
    type = integer
  }
  column "agent" {
    null = false
    type = text
  }
  column "agent_skills" {
    null = true
    type = blob
  }
  column "workspace" {
    null = false
    type = text
  }
  column "confirmation_policy" {
    null = false
    type = text
  }
  column "stats" {
    null = false
    type = text
  }
  column "tags" {
    null = false
    type = text
  }
  column "details" {
    null = false
    type = text
  }
  column "max_iterations" {
    null = false
    type = integer
  }
  column "stuck_detection" {
    null = false
    type = boolean
  }
  column "leaf_event_id" {
    null = true
    type = varchar
  }
  column "created_by_user_id" {
    null = true
    type = varchar
  }
  column "sandbox_id" {
    null = true
    type = varchar
  }
  column "llm_model" {
    null = true
    type = text
  }
  column "agent_kind" {
    null = false
    type = varchar
  }
  column "public" {
    null = false
    type = boolean
  }
  column "pr_numbers" {
    null = false
    type = text
  }
  column "event_count" {
    null = false
    type = integer
  }
  column "numbered" {
    null    = false
    type    = integer
    default = 0
  }
  column "accumulated_cost" {
    null = false
    type = real
  }
  column "max_budget_per_task" {
    null = true
    type = real
  }
  column "prompt_tokens" {
    null = false
    type = integer
  }
  column "completion_tokens" {
    null = false
    type = integer
  }
  column "cache_read_tokens" {
    null = false
    type = integer
  }
  column "cache_write_tokens" {
    null = false
    type = integer
  }
  column "reasoning_tokens" {
    null = false
    type = integer
  }
  column "context_window" {
    null = false
    type = integer
  }
  column "per_turn_token" {
    null = false
    type = integer
  }
  column "created_at" {
    null = false
    type = sql("timestamp")
  }
  column "updated_at" {
    null = false
    type = sql("timestamp")
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
  column "conversation_id" {
    null = false
    type = varchar
  }
  column "kind" {
    null = false
    type = varchar
  }
  column "source" {
    null = false
    type = varchar
  }
  column "n" {
    null = false
    type = integer
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
  column "seq" {
    null           = false
    type           = integer
    auto_increment = true
  }
  column "conversation_id" {
    null = false
    type = varchar
  }
  column "number" {
    null = true
    type = integer
  }
  column "id" {
    null = false
    type = varchar
  }
  column "kind" {
    null = false
    type = varchar
  }
  column "source" {
    null = false
    type = varchar
  }
  column "ts" {
    null = false
    type = integer
  }
  column "final" {
    null = false
    type = boolean
  }
  column "body" {
    null = true
    type = text
  }
  column "payload" {
    null = false
    type = text
  }
  column "payload_packed" {
    null = true
    type = blob
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
  column "id" {
    null           = false
    type           = integer
    auto_increment = true
  }
  column "digest" {
    null = false
    type = varchar
  }
  column "what" {
    null = false
    type = varchar
  }
  column "conversation_id" {
    null = true
    type = varchar
  }
  column "reason" {
    null = false
    type = text
  }
  column "size" {
    null = false
    type = integer
  }
  column "body" {
    null = true
    type = blob
  }
  column "times" {
    null = false
    type = integer
  }
  column "received_at" {
    null = false
    type = sql("timestamp")
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
}
