"""A table with everything on it, and tables around it."""

from __future__ import annotations

#: What every statement below makes is there in both MariaDB and MySQL, but for what a test asks of one of them.
EVERYTHING = (
    "CREATE TABLE owner (id BIGINT AUTO_INCREMENT PRIMARY KEY, code VARCHAR(20) UNIQUE)",
    "INSERT INTO owner VALUES (1, 'a'), (2, 'b')",
    """
    CREATE TABLE thing (
        id INT UNSIGNED NOT NULL AUTO_INCREMENT,
        owner_id BIGINT NULL,
        title VARCHAR(40) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL DEFAULT 'it''s 100 % \\\\ "x"'
            COMMENT 'NOT NULL, DEFAULT ''x'' (a) `b` 50 %',
        body TEXT COLLATE utf8mb4_bin COMMENT 'long',
        amount DECIMAL(10, 2) NOT NULL DEFAULT 1.50,
        n INT DEFAULT 5 CHECK (n > -100),
        small SMALLINT UNSIGNED ZEROFILL DEFAULT NULL,
        hidden INT INVISIBLE DEFAULT 3,
        made TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
        at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3) COMMENT 'when',
        kind ENUM('a,b)', 'c''d', 'NULL') NOT NULL DEFAULT 'c''d',
        flag BIT(3) DEFAULT b'101',
        data JSON,
        doubled INT GENERATED ALWAYS AS (n * 2) VIRTUAL COMMENT 'twice',
        stored INT GENERATED ALWAYS AS (n + small) STORED,
        expr INT DEFAULT (1 + 2),
        `o``d d%` VARCHAR(10) DEFAULT 'x',
        PRIMARY KEY (id),
        UNIQUE KEY uq_title (title, n) COMMENT 'both',
        UNIQUE KEY thing_small (small),
        KEY thing_n (n),
        KEY by_title (title(10), amount DESC),
        KEY by_stored (stored),
        KEY `o``d %` (`o``d d%`),
        KEY thing_owner_id (owner_id),
        FULLTEXT KEY words (body),
        CONSTRAINT to_owner FOREIGN KEY (owner_id) REFERENCES owner (id) ON DELETE SET NULL ON UPDATE CASCADE,
        CONSTRAINT amount_positive CHECK (amount > 0 AND n < 1000000),
        CONSTRAINT title_given CHECK (title <> '')
    ) DEFAULT CHARACTER SET utf8mb4 COMMENT 'everything, (even) ''this'''
    """,
    "INSERT INTO thing (id, owner_id, title, body, n, small, made, at, kind, data, hidden) VALUES "
    "(3, 1, 'one', 'words in it', 1, 7, '2024-01-02 03:04:05', '2024-01-02 03:04:05.678', 'NULL', '[1]', 9), "
    "(7, NULL, 'two \\\\ %', NULL, NULL, NULL, NULL, '2024-01-02 03:04:05.678', 'a,b)', NULL, NULL), "
    "(8, 2, 'três', 'more', 3, 9, '2024-01-02 03:04:05', '2024-01-02 03:04:05.678', 'c''d', '{\"a\": 1}', 2)",
    "ALTER TABLE thing AUTO_INCREMENT = 1000",
    "CREATE TABLE part (id INT AUTO_INCREMENT PRIMARY KEY, thing_id INT UNSIGNED, "
    "CONSTRAINT to_thing FOREIGN KEY (thing_id) REFERENCES thing (id))",
    "INSERT INTO part VALUES (1, 3), (2, 8)",
    "CREATE TABLE log (text VARCHAR(200))",
    "CREATE TRIGGER thing_logged AFTER UPDATE ON thing FOR EACH ROW INSERT INTO log VALUES (NEW.amount)",
    "CREATE VIEW codes AS SELECT id, code FROM owner",
)
