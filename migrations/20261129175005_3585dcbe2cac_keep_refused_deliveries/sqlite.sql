-- migrate:upgrade
CREATE TABLE `refused_deliveries` (
  `id` integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  `digest` varchar NOT NULL,
  `what` varchar NOT NULL,
  `conversation_id` varchar NULL,
  `reason` text NOT NULL,
  `size` integer NOT NULL,
  `body` blob NULL,
  `times` integer NOT NULL,
  `received_at` timestamp NOT NULL
);
CREATE UNIQUE INDEX `uq_refused_deliveries_digest` ON `refused_deliveries` (`digest`);

-- migrate:downgrade
-- WARNING: refused_deliveries: the table is dropped with all its rows [drop-table]

DROP TABLE `refused_deliveries`;
