-- migrate:upgrade
ALTER TABLE `orders` ADD INDEX `ix_orders_reported_id` (`reported`, `id`);

-- migrate:downgrade
ALTER TABLE `orders` DROP INDEX `ix_orders_reported_id`;
