CREATE TABLE users (
	id INTEGER NOT NULL, 
	email VARCHAR(255) NOT NULL, 
	token CHAR(32) NOT NULL, 
	ratio DOUBLE, 
	active BOOLEAN DEFAULT 1 NOT NULL, 
	created DATETIME DEFAULT CURRENT_TIMESTAMP NOT NULL, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT uq_users_email UNIQUE (email)
);
CREATE TABLE posts (
	id BIGINT NOT NULL, 
	user_id INTEGER NOT NULL, 
	title VARCHAR(200) NOT NULL, 
	kind VARCHAR(5) NOT NULL, 
	body TEXT, 
	price NUMERIC(10, 2) DEFAULT 1.50, 
	CONSTRAINT pk_posts PRIMARY KEY (id), 
	CONSTRAINT ck_posts_kind CHECK (kind IN ('short', 'long')), 
	CONSTRAINT fk_posts_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX ix_posts_user_id ON posts (user_id);
CREATE UNIQUE INDEX ix_posts_title ON posts (title) WHERE body IS NOT NULL;
INSERT INTO users (email, token) VALUES ('a@example.com', 'x');
INSERT INTO posts (id, user_id, title, kind) VALUES (1, 1, 'One', 'long');
