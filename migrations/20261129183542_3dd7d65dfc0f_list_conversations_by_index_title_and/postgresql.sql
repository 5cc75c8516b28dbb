-- migrate:upgrade
DROP INDEX "ix_conversations_execution_status";
DROP INDEX "ix_conversations_parent_conversation_id";
DROP INDEX "ix_conversations_sandbox_id";
ALTER TABLE "conversations" ADD COLUMN "title_sort" character varying(255) NOT NULL DEFAULT '';
CREATE INDEX "ix_conversations_execution_status_created_at_id" ON "conversations" ("execution_status", "created_at", "id");
CREATE INDEX "ix_conversations_execution_status_updated_at_id" ON "conversations" ("execution_status", "updated_at", "id");
CREATE INDEX "ix_conversations_parent_conversation_id_created_at_id" ON "conversations" ("parent_conversation_id", "created_at", "id");
CREATE INDEX "ix_conversations_parent_conversation_id_title_sort_id" ON "conversations" ("parent_conversation_id", "title_sort", "id");
CREATE INDEX "ix_conversations_parent_conversation_id_updated_at_id" ON "conversations" ("parent_conversation_id", "updated_at", "id");
CREATE INDEX "ix_conversations_sandbox_id_created_at_id" ON "conversations" ("sandbox_id", "created_at", "id");
CREATE INDEX "ix_conversations_sandbox_id_title_sort_id" ON "conversations" ("sandbox_id", "title_sort", "id");
CREATE INDEX "ix_conversations_sandbox_id_updated_at_id" ON "conversations" ("sandbox_id", "updated_at", "id");
CREATE INDEX "ix_conversations_title_sort_id" ON "conversations" ("title_sort", "id");
CREATE TABLE "conversation_tags" (
  "conversation_id" character varying(36) NOT NULL,
  "name" character varying(255) NOT NULL,
  "value" character varying(256) NOT NULL,
  PRIMARY KEY ("conversation_id", "name"),
  CONSTRAINT "fk_conversation_tags_conversation_id" FOREIGN KEY ("conversation_id") REFERENCES "conversations" ("id") ON DELETE CASCADE
);
CREATE INDEX "ix_conversation_tags_name_value_conversation_id" ON "conversation_tags" ("name", "value", "conversation_id");

-- migrate:downgrade
-- WARNING: conversation_tags: the table is dropped with all its rows [drop-table]
-- WARNING: conversations(title_sort): the column is dropped with all its values [drop-column]

DROP TABLE "conversation_tags";
DROP INDEX "ix_conversations_execution_status_created_at_id";
DROP INDEX "ix_conversations_execution_status_updated_at_id";
DROP INDEX "ix_conversations_parent_conversation_id_created_at_id";
DROP INDEX "ix_conversations_parent_conversation_id_updated_at_id";
DROP INDEX "ix_conversations_sandbox_id_created_at_id";
DROP INDEX "ix_conversations_sandbox_id_updated_at_id";
ALTER TABLE "conversations" DROP COLUMN "title_sort";
CREATE INDEX "ix_conversations_execution_status" ON "conversations" ("execution_status");
CREATE INDEX "ix_conversations_parent_conversation_id" ON "conversations" ("parent_conversation_id");
CREATE INDEX "ix_conversations_sandbox_id" ON "conversations" ("sandbox_id");
