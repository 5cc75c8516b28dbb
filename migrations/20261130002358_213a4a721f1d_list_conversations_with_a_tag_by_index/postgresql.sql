-- migrate:upgrade
DROP INDEX "ix_conversation_tags_name_value_conversation_id";
ALTER TABLE "conversation_tags" ADD COLUMN "created_micros" bigint NOT NULL DEFAULT 0, ADD COLUMN "updated_micros" bigint NOT NULL DEFAULT 0, ADD COLUMN "title_sort" character varying(200) NOT NULL DEFAULT '';
CREATE INDEX "ix_conversation_tags_name_created_micros_conversation_id" ON "conversation_tags" ("name", "created_micros", "conversation_id");
CREATE INDEX "ix_conversation_tags_name_title_sort_conversation_id" ON "conversation_tags" ("name", "title_sort", "conversation_id");
CREATE INDEX "ix_conversation_tags_name_updated_micros_conversation_id" ON "conversation_tags" ("name", "updated_micros", "conversation_id");
CREATE INDEX "ix_conversation_tags_name_value_created_micros_conversation_id" ON "conversation_tags" ("name", "value", "created_micros", "conversation_id");
CREATE INDEX "ix_conversation_tags_name_value_title_sort_conversation_id" ON "conversation_tags" ("name", "value", "title_sort", "conversation_id");
CREATE INDEX "ix_conversation_tags_name_value_updated_micros_conversation_id" ON "conversation_tags" ("name", "value", "updated_micros", "conversation_id");

-- migrate:downgrade
-- WARNING: conversation_tags(created_micros): the column is dropped with all its values [drop-column]
-- WARNING: conversation_tags(updated_micros): the column is dropped with all its values [drop-column]
-- WARNING: conversation_tags(title_sort): the column is dropped with all its values [drop-column]

ALTER TABLE "conversation_tags" DROP COLUMN "created_micros", DROP COLUMN "updated_micros", DROP COLUMN "title_sort";
CREATE INDEX "ix_conversation_tags_name_value_conversation_id" ON "conversation_tags" ("name", "value", "conversation_id");
