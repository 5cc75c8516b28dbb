-- migrate:upgrade
DROP INDEX "ix_conversations_parent_conversation_id_title_sort_id";
DROP INDEX "ix_conversations_parent_conversation_id_updated_at_id";
ALTER TABLE "conversations" ADD COLUMN "has_parent" boolean NOT NULL DEFAULT false;
CREATE INDEX "ix_conversations_has_parent_created_at_id" ON "conversations" ("has_parent", "created_at", "id");
CREATE INDEX "ix_conversations_has_parent_title_sort_id" ON "conversations" ("has_parent", "title_sort", "id");
CREATE INDEX "ix_conversations_has_parent_updated_at_id" ON "conversations" ("has_parent", "updated_at", "id");
CREATE INDEX "ix_conversations_public_created_at_id" ON "conversations" ("public", "created_at", "id");
CREATE INDEX "ix_conversations_public_title_sort_id" ON "conversations" ("public", "title_sort", "id");
CREATE INDEX "ix_conversations_public_updated_at_id" ON "conversations" ("public", "updated_at", "id");

-- migrate:downgrade
-- WARNING: conversations(has_parent): the column is dropped with all its values [drop-column]

DROP INDEX "ix_conversations_public_created_at_id";
DROP INDEX "ix_conversations_public_title_sort_id";
DROP INDEX "ix_conversations_public_updated_at_id";
ALTER TABLE "conversations" DROP COLUMN "has_parent";
CREATE INDEX "ix_conversations_parent_conversation_id_title_sort_id" ON "conversations" ("parent_conversation_id", "title_sort", "id");
CREATE INDEX "ix_conversations_parent_conversation_id_updated_at_id" ON "conversations" ("parent_conversation_id", "updated_at", "id");
