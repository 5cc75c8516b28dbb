-- migrate:upgrade
CREATE TABLE `authors` (
  `id` integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  `name` varchar NOT NULL
);
CREATE UNIQUE INDEX `uq_authors_name` ON `authors` (`name`);
CREATE TABLE `books` (
  `id` integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  `title` varchar NOT NULL,
  `author_id` integer NOT NULL,
  `copies` integer NOT NULL,
  `cents` integer NOT NULL,
  CONSTRAINT `fk_books_author_id` FOREIGN KEY (`author_id`) REFERENCES `authors` (`id`),
  CONSTRAINT `copies_left` CHECK (copies >= 0)
);
CREATE UNIQUE INDEX `uq_books_author_id_title` ON `books` (`author_id`, `title`);
CREATE TABLE `orders` (
  `id` integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  `book_id` integer NOT NULL,
  `email` varchar NOT NULL,
  `cents` integer NOT NULL,
  `placed` timestamp NOT NULL,
  `reported` boolean NOT NULL,
  CONSTRAINT `fk_orders_book_id` FOREIGN KEY (`book_id`) REFERENCES `books` (`id`)
);
CREATE TABLE `work_keys` (
  `digest` varchar NOT NULL,
  `stored_at` timestamp NOT NULL,
  PRIMARY KEY (`digest`)
);
CREATE INDEX `ix_work_keys_stored_at` ON `work_keys` (`stored_at`);

-- migrate:downgrade
-- WARNING: authors: the table is dropped with all its rows [drop-table]
-- WARNING: books: the table is dropped with all its rows [drop-table]
-- WARNING: orders: the table is dropped with all its rows [drop-table]
-- WARNING: work_keys: the table is dropped with all its rows [drop-table]

DROP TABLE `work_keys`;
DROP TABLE `orders`;
DROP TABLE `books`;
DROP TABLE `authors`;
