-- migrate:upgrade
CREATE TABLE "event_counts" (
  "conversation_id" character varying(36) NOT NULL,
  "kind" character varying(255) NOT NULL,
  "source" character varying(255) NOT NULL,
  "n" bigint NOT NULL,
  PRIMARY KEY ("conversation_id", "kind", "source"),
  CONSTRAINT "fk_event_counts_conversation_id" FOREIGN KEY ("conversation_id") REFERENCES "conversations" ("id") ON DELETE CASCADE
);

-- migrate:downgrade
-- WARNING: event_counts: the table is dropped with all its rows [drop-table]

DROP TABLE "event_counts";
