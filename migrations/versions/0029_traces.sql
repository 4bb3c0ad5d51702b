-- What tells the original among copies.
alter table facedb.thumbnail add column colour real, add column fine real, add column blocks real;
comment on column facedb.thumbnail.colour is 'How far the hues of the image differ, in levels of Cb and Cr, less what follows its light: 0 is grey, little one tint; null: embedded before this was measured.';
comment on column facedb.thumbnail.fine is 'Energy of its finest detail over that of the detail twice as coarse: photos 0.2 to 1, enlarged or blurred ones less, noisy ones more; null: embedded before this was measured.';
comment on column facedb.thumbnail.blocks is 'How much steeper its steps are at the edges of the 8 x 8 blocks of a JPEG than elsewhere, 1: not at all; null: embedded before this was measured.';
