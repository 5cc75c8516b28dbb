-- migrate:upgrade
ALTER TABLE `conversations` ADD COLUMN `title_sort` varchar(255) NOT NULL DEFAULT '' COLLATE utf8mb4_bin, DROP INDEX `ix_conversations_execution_status`, DROP INDEX `ix_conversations_parent_conversation_id`, DROP INDEX `ix_conversations_sandbox_id`, ADD INDEX `ix_conversations_execution_status_created_at_id` (`execution_status`, `created_at`, `id`), ADD INDEX `ix_conversations_execution_status_updated_at_id` (`execution_status`, `updated_at`, `id`), ADD INDEX `ix_conversations_parent_conversation_id_created_at_id` (`parent_conversation_id`, `created_at`, `id`), ADD INDEX `ix_conversations_parent_conversation_id_title_sort_id` (`parent_conversation_id`, `title_sort`, `id`), ADD INDEX `ix_conversations_parent_conversation_id_updated_at_id` (`parent_conversation_id`, `updated_at`, `id`), ADD INDEX `ix_conversations_sandbox_id_created_at_id` (`sandbox_id`, `created_at`, `id`), ADD INDEX `ix_conversations_sandbox_id_title_sort_id` (`sandbox_id`, `title_sort`, `id`), ADD INDEX `ix_conversations_sandbox_id_updated_at_id` (`sandbox_id`, `updated_at`, `id`), ADD INDEX `ix_conversations_title_sort_id` (`title_sort`, `id`);
CREATE TABLE `conversation_tags` (
  `conversation_id` varchar(36) NOT NULL COLLATE utf8mb4_bin,
  `name` varchar(255) NOT NULL COLLATE utf8mb4_bin,
  `value` varchar(256) NOT NULL COLLATE utf8mb4_bin,
  PRIMARY KEY (`conversation_id`, `name`),
  INDEX `ix_conversation_tags_name_value_conversation_id` (`name`, `value`, `conversation_id`),
  CONSTRAINT `fk_conversation_tags_conversation_id` FOREIGN KEY (`conversation_id`) REFERENCES `conversations` (`id`) ON DELETE CASCADE
) ENGINE InnoDB;

-- migrate:downgrade
-- WARNING: conversation_tags: the table is dropped with all its rows [drop-table]
-- WARNING: conversations(title_sort): the column is dropped with all its values [drop-column]

DROP TABLE `conversation_tags`;
ALTER TABLE `conversations` DROP COLUMN `title_sort`, DROP INDEX `ix_conversations_execution_status_created_at_id`, DROP INDEX `ix_conversations_execution_status_updated_at_id`, DROP INDEX `ix_conversations_parent_conversation_id_created_at_id`, DROP INDEX `ix_conversations_parent_conversation_id_title_sort_id`, DROP INDEX `ix_conversations_parent_conversation_id_updated_at_id`, DROP INDEX `ix_conversations_sandbox_id_created_at_id`, DROP INDEX `ix_conversations_sandbox_id_title_sort_id`, DROP INDEX `ix_conversations_sandbox_id_updated_at_id`, DROP INDEX `ix_conversations_title_sort_id`, ADD INDEX `ix_conversations_execution_status` (`execution_status`), ADD INDEX `ix_conversations_parent_conversation_id` (`parent_conversation_id`), ADD INDEX `ix_conversations_sandbox_id` (`sandbox_id`);
