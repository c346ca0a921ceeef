-- What is shown of the certificate a relay uses. Known from its next connection on, where it is
-- not known yet.
ALTER TABLE relays ADD COLUMN certificate_serial BLOB;
ALTER TABLE relays ADD COLUMN certificate_issued_at BIGINT;
