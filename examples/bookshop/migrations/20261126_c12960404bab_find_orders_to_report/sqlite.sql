-- migrate:upgrade
CREATE INDEX `ix_orders_reported_id` ON `orders` (`reported`, `id`);

-- migrate:downgrade
DROP INDEX `ix_orders_reported_id`;
