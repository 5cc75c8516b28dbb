-- migrate:upgrade
CREATE TABLE `authors` (
  `id` bigint NOT NULL AUTO_INCREMENT,
  `name` varchar(255) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `uq_authors_name` (`name`)
) CHARSET utf8mb4 ENGINE InnoDB;
CREATE TABLE `books` (
  `id` bigint NOT NULL AUTO_INCREMENT,
  `title` varchar(255) NOT NULL,
  `author_id` bigint NOT NULL,
  `copies` bigint NOT NULL,
  `cents` bigint NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `uq_books_author_id_title` (`author_id`, `title`),
  CONSTRAINT `fk_books_author_id` FOREIGN KEY (`author_id`) REFERENCES `authors` (`id`),
  CONSTRAINT `copies_left` CHECK (copies >= 0)
) CHARSET utf8mb4 ENGINE InnoDB;
CREATE TABLE `orders` (
  `id` bigint NOT NULL AUTO_INCREMENT,
  `book_id` bigint NOT NULL,
  `email` varchar(255) NOT NULL,
  `cents` bigint NOT NULL,
  `placed` datetime(6) NOT NULL,
  `reported` bool NOT NULL,
  PRIMARY KEY (`id`),
  INDEX `fk_orders_book_id` (`book_id`),
  CONSTRAINT `fk_orders_book_id` FOREIGN KEY (`book_id`) REFERENCES `books` (`id`)
) CHARSET utf8mb4 ENGINE InnoDB;
CREATE TABLE `work_keys` (
  `digest` varchar(64) NOT NULL,
  `stored_at` datetime(6) NOT NULL,
  PRIMARY KEY (`digest`),
  INDEX `ix_work_keys_stored_at` (`stored_at`)
) CHARSET utf8mb4 ENGINE InnoDB;

-- migrate:downgrade
-- WARNING: authors: the table is dropped with all its rows [drop-table]
-- WARNING: books: the table is dropped with all its rows [drop-table]
-- WARNING: orders: the table is dropped with all its rows [drop-table]
-- WARNING: work_keys: the table is dropped with all its rows [drop-table]

DROP TABLE `work_keys`;
DROP TABLE `orders`;
DROP TABLE `books`;
DROP TABLE `authors`;
