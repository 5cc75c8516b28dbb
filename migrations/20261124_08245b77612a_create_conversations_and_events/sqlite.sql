-- migrate:upgrade
CREATE TABLE `conversations` (
  `id` varchar NOT NULL,
  `parent_conversation_id` varchar NULL,
  `title` text NULL,
  `title_folded` text NULL,
  `title_pinned` boolean NOT NULL,
  `tags_pinned` boolean NOT NULL,
  `public_pinned` boolean NOT NULL,
  `execution_status` varchar NOT NULL,
  `state_micros` integer NOT NULL,
  `info_digest` varchar NOT NULL,
  `info_micros` integer NOT NULL,
  `agent` text NOT NULL,
  `workspace` text NOT NULL,
  `confirmation_policy` text NOT NULL,
  `stats` text NOT NULL,
  `tags` text NOT NULL,
  `details` text NOT NULL,
  `max_iterations` integer NOT NULL,
  `stuck_detection` boolean NOT NULL,
  `leaf_event_id` varchar NULL,
  `created_by_user_id` varchar NULL,
  `sandbox_id` varchar NULL,
  `llm_model` text NULL,
  `agent_kind` varchar NOT NULL,
  `public` boolean NOT NULL,
  `pr_numbers` text NOT NULL,
  `event_count` integer NOT NULL,
  `accumulated_cost` real NOT NULL,
  `max_budget_per_task` real NULL,
  `prompt_tokens` integer NOT NULL,
  `completion_tokens` integer NOT NULL,
  `cache_read_tokens` integer NOT NULL,
  `cache_write_tokens` integer NOT NULL,
  `reasoning_tokens` integer NOT NULL,
  `context_window` integer NOT NULL,
  `per_turn_token` integer NOT NULL,
  `created_at` timestamp NOT NULL,
  `updated_at` timestamp NOT NULL,
  PRIMARY KEY (`id`)
);
CREATE INDEX `ix_conversations_created_at_id` ON `conversations` (`created_at`, `id`);
CREATE INDEX `ix_conversations_execution_status` ON `conversations` (`execution_status`);
CREATE INDEX `ix_conversations_parent_conversation_id` ON `conversations` (`parent_conversation_id`);
CREATE INDEX `ix_conversations_sandbox_id` ON `conversations` (`sandbox_id`);
CREATE INDEX `ix_conversations_updated_at_id` ON `conversations` (`updated_at`, `id`);
CREATE TABLE `events` (
  `seq` integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  `conversation_id` varchar NOT NULL,
  `id` varchar NOT NULL,
  `kind` varchar NOT NULL,
  `source` varchar NOT NULL,
  `ts` integer NOT NULL,
  `final` boolean NOT NULL,
  `body` text NULL,
  `payload` text NOT NULL,
  CONSTRAINT `fk_events_conversation_id` FOREIGN KEY (`conversation_id`) REFERENCES `conversations` (`id`) ON DELETE CASCADE
);
CREATE INDEX `ix_events_conversation_id_kind_ts_seq` ON `events` (`conversation_id`, `kind`, `ts`, `seq`);
CREATE INDEX `ix_events_conversation_id_ts_seq` ON `events` (`conversation_id`, `ts`, `seq`);
CREATE UNIQUE INDEX `uq_events_conversation_id_id` ON `events` (`conversation_id`, `id`);

-- migrate:downgrade
-- WARNING: conversations: the table is dropped with all its rows [drop-table]
-- WARNING: events: the table is dropped with all its rows [drop-table]

DROP TABLE `events`;
DROP TABLE `conversations`;
