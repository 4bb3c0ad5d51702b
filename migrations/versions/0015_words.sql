-- What the comments of earlier revisions said wrongly, or no longer say rightly.

comment on column facedb.image.sha256 is 'SHA-256 of the bytes of the file; of a vector without an image, of its float32 values; null where the file could not be read.';
comment on column facedb.model.name is 'The name people use; where several contracts bear it, the digest tells them apart.';
comment on column facedb.finding.confidence is 'The probability that the statement is true, given how often chance makes one like it in this dataset; the formulas are in facedb/findings/.';
