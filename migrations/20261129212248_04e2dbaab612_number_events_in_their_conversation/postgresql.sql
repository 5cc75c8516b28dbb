-- migrate:upgrade
-- WARNING: events(conversation_id, number): unique index uq_events_conversation_id_number fails if rows are equal there [add-unique]

ALTER TABLE "conversations" ADD COLUMN "numbered" bigint NOT NULL DEFAULT 0;
ALTER TABLE "events" ADD COLUMN "number" bigint NULL;
CREATE UNIQUE INDEX "uq_events_conversation_id_number" ON "events" ("conversation_id", "number");

-- migrate:downgrade
-- WARNING: conversations(numbered): the column is dropped with all its values [drop-column]
-- WARNING: events(number): the column is dropped with all its values [drop-column]

ALTER TABLE "conversations" DROP COLUMN "numbered";
ALTER TABLE "events" DROP COLUMN "number";
