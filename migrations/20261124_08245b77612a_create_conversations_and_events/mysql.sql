-- migrate:upgrade
CREATE TABLE `conversations` (
  `id` varchar(36) NOT NULL COLLATE utf8mb4_bin,
  `parent_conversation_id` varchar(36) NULL COLLATE utf8mb4_bin,
  `title` longtext NULL,
  `title_folded` longtext NULL,
  `title_pinned` bool NOT NULL,
  `tags_pinned` bool NOT NULL,
  `public_pinned` bool NOT NULL,
  `execution_status` varchar(64) NOT NULL COLLATE utf8mb4_bin,
  `state_micros` bigint NOT NULL,
  `info_digest` varchar(64) NOT NULL,
  `info_micros` bigint NOT NULL,
  `agent` longtext NOT NULL,
  `workspace` longtext NOT NULL,
  `confirmation_policy` longtext NOT NULL,
  `stats` longtext NOT NULL,
  `tags` longtext NOT NULL,
  `details` longtext NOT NULL,
  `max_iterations` bigint NOT NULL,
  `stuck_detection` bool NOT NULL,
  `leaf_event_id` varchar(255) NULL COLLATE utf8mb4_bin,
  `created_by_user_id` varchar(255) NULL COLLATE utf8mb4_bin,
  `sandbox_id` varchar(255) NULL COLLATE utf8mb4_bin,
  `llm_model` longtext NULL,
  `agent_kind` varchar(64) NOT NULL,
  `public` bool NOT NULL,
  `pr_numbers` longtext NOT NULL,
  `event_count` bigint NOT NULL,
  `accumulated_cost` double NOT NULL,
  `max_budget_per_task` double NULL,
  `prompt_tokens` bigint NOT NULL,
  `completion_tokens` bigint NOT NULL,
  `cache_read_tokens` bigint NOT NULL,
  `cache_write_tokens` bigint NOT NULL,
  `reasoning_tokens` bigint NOT NULL,
  `context_window` bigint NOT NULL,
  `per_turn_token` bigint NOT NULL,
  `created_at` datetime(6) NOT NULL,
  `updated_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `ix_conversations_created_at_id` (`created_at`, `id`),
  INDEX `ix_conversations_execution_status` (`execution_status`),
  INDEX `ix_conversations_parent_conversation_id` (`parent_conversation_id`),
  INDEX `ix_conversations_sandbox_id` (`sandbox_id`),
  INDEX `ix_conversations_updated_at_id` (`updated_at`, `id`)
) CHARSET utf8mb4 ENGINE InnoDB;
CREATE TABLE `events` (
  `seq` bigint NOT NULL AUTO_INCREMENT,
  `conversation_id` varchar(36) NOT NULL COLLATE utf8mb4_bin,
  `id` varchar(255) NOT NULL COLLATE utf8mb4_bin,
  `kind` varchar(255) NOT NULL COLLATE utf8mb4_bin,
  `source` varchar(255) NOT NULL COLLATE utf8mb4_bin,
  `ts` bigint NOT NULL,
  `final` bool NOT NULL,
  `body` longtext NULL,
  `payload` longtext NOT NULL,
  PRIMARY KEY (`seq`),
  INDEX `ix_events_conversation_id_kind_ts_seq` (`conversation_id`, `kind`, `ts`, `seq`),
  INDEX `ix_events_conversation_id_ts_seq` (`conversation_id`, `ts`, `seq`),
  UNIQUE INDEX `uq_events_conversation_id_id` (`conversation_id`, `id`),
  CONSTRAINT `fk_events_conversation_id` FOREIGN KEY (`conversation_id`) REFERENCES `conversations` (`id`) ON DELETE CASCADE
) CHARSET utf8mb4 ENGINE InnoDB;

-- migrate:downgrade
-- WARNING: conversations: the table is dropped with all its rows [drop-table]
-- WARNING: events: the table is dropped with all its rows [drop-table]

DROP TABLE `events`;
DROP TABLE `conversations`;
