-- migrate:upgrade
CREATE TABLE `refused_deliveries` (
  `id` bigint NOT NULL AUTO_INCREMENT,
  `digest` varchar(64) NOT NULL,
  `what` varchar(32) NOT NULL,
  `conversation_id` varchar(36) NULL,
  `reason` longtext NOT NULL,
  `size` bigint NOT NULL,
  `body` longblob NULL,
  `times` bigint NOT NULL,
  `received_at` datetime(6) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `uq_refused_deliveries_digest` (`digest`)
) ENGINE InnoDB;

-- migrate:downgrade
-- WARNING: refused_deliveries: the table is dropped with all its rows [drop-table]

DROP TABLE `refused_deliveries`;
