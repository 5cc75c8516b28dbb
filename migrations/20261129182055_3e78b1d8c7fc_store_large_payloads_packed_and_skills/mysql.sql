-- migrate:upgrade
ALTER TABLE `conversations` ADD COLUMN `agent_skills` longblob NULL;
ALTER TABLE `events` ADD COLUMN `payload_packed` longblob NULL;

-- migrate:downgrade
-- WARNING: conversations(agent_skills): the column is dropped with all its values [drop-column]
-- WARNING: events(payload_packed): the column is dropped with all its values [drop-column]

ALTER TABLE `conversations` DROP COLUMN `agent_skills`;
ALTER TABLE `events` DROP COLUMN `payload_packed`;
