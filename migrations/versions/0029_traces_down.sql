-- As it was.
alter table facedb.thumbnail drop column colour, drop column fine, drop column blocks;
