CREATE TABLE users (
	id INTEGER NOT NULL AUTO_INCREMENT, 
	email VARCHAR(255) NOT NULL, 
	token CHAR(32) NOT NULL, 
	ratio DOUBLE, 
	active BOOL NOT NULL DEFAULT true, 
	kind ENUM('it''s','b') NOT NULL DEFAULT 'b', 
	created DATETIME NOT NULL DEFAULT now(), 
	changed TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, 
	bio TEXT, 
	photo BLOB, 
	meta JSON, 
	amount INTEGER UNSIGNED NOT NULL DEFAULT 7, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT uq_users_email UNIQUE (email)
);
CREATE TABLE posts (
	id BIGINT NOT NULL AUTO_INCREMENT, 
	user_id INTEGER NOT NULL, 
	title VARCHAR(200) NOT NULL, 
	body MEDIUMTEXT, 
	price NUMERIC(10, 2) DEFAULT 1.50, 
	code VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_posts_title CHECK (title <> ''), 
	CONSTRAINT fk_posts_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE, 
	FOREIGN KEY(user_id) REFERENCES users (id)
)COMMENT='posts of users';
CREATE INDEX ix_posts_title ON posts (title);
INSERT INTO users (email, token) VALUES ('a@example.com', 'x');
INSERT INTO posts (user_id, title) VALUES (1, 'One');
