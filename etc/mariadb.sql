-- The database and the user of cpush, on MariaDB 10.11 or later. Run it once as an administrator:
--
--     mariadb < mariadb.sql
--
-- after changing the password here, and 'localhost' where cpush runs on another host. cpush makes and migrates its tables itself, which
-- is what CREATE, ALTER, INDEX and DROP are for.

CREATE DATABASE IF NOT EXISTS cpush CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE USER IF NOT EXISTS 'cpush'@'localhost' IDENTIFIED BY 'change me';

GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP ON cpush.* TO 'cpush'@'localhost';
