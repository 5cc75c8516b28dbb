-- migrate:upgrade
CREATE TABLE `event_counts` (
  `conversation_id` varchar(36) NOT NULL COLLATE utf8mb4_bin,
  `kind` varchar(255) NOT NULL COLLATE utf8mb4_bin,
  `source` varchar(255) NOT NULL COLLATE utf8mb4_bin,
  `n` bigint NOT NULL,
  PRIMARY KEY (`conversation_id`, `kind`, `source`),
  CONSTRAINT `fk_event_counts_conversation_id` FOREIGN KEY (`conversation_id`) REFERENCES `conversations` (`id`) ON DELETE CASCADE
) CHARSET utf8mb4 ENGINE InnoDB;

-- migrate:downgrade
-- WARNING: event_counts: the table is dropped with all its rows [drop-table]

DROP TABLE `event_counts`;
