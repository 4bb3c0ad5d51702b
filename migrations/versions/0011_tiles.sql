-- Blocks keep who is in them; what has to be done and what was done with them are tiles of the triangle, which many workers share.

create table facedb.scan_tile (
    scan_id integer not null,
    tile integer not null check (tile >= 0),
    block integer not null,
    first_column integer not null check (first_column >= 0),
    last_column integer not null check (last_column between first_column and block),
    status text not null default 'pending' check (status in ('pending', 'claimed', 'done')),
    attempt integer not null default 0 check (attempt >= 0),
    worker text,
    leased_until timestamptz,
    pairs bigint,
    candidates bigint,
    comparisons bigint,
    seconds double precision,
    finished_at timestamptz,
    primary key (scan_id, tile),
    foreign key (scan_id, block) references facedb.scan_block on delete cascade,
    constraint scan_tile_claimed_has_a_lease check ((status = 'claimed') = (leased_until is not null) and (worker is not null or status <> 'claimed')),
    constraint scan_tile_done_has_counts check ((status = 'done') = (pairs is not null))
);
create index scan_tile_open on facedb.scan_tile (scan_id, tile) where status <> 'done';
create index scan_tile_by_block on facedb.scan_tile (scan_id, block);
comment on table facedb.scan_tile is 'What a scan has to do: a block of rows against a run of blocks of columns. Workers claim tiles; the pairs of a tile and its mark are one transaction.';
comment on column facedb.scan_tile.scan_id is 'The scan.';
comment on column facedb.scan_tile.tile is 'Number within the scan, in the order of work.';
comment on column facedb.scan_tile.block is 'The block whose faces are the rows.';
comment on column facedb.scan_tile.first_column is 'The first block whose faces are the columns.';
comment on column facedb.scan_tile.last_column is 'The last one; the block itself where the tile reaches to the diagonal.';
comment on column facedb.scan_tile.status is 'pending; claimed by a worker; done with its pairs.';
comment on column facedb.scan_tile.attempt is 'How often it was claimed; a worker that lost its claim cannot finish the tile.';
comment on column facedb.scan_tile.worker is 'Who claimed it last.';
comment on column facedb.scan_tile.leased_until is 'When a claim ends unless its worker renews it.';
comment on column facedb.scan_tile.pairs is 'Flagged pairs found.';
comment on column facedb.scan_tile.candidates is 'Pairs that were scored exactly.';
comment on column facedb.scan_tile.comparisons is 'Pairs of faces compared.';
comment on column facedb.scan_tile.seconds is 'How long the search took.';
comment on column facedb.scan_tile.finished_at is 'When it was done.';

insert into facedb.scan_tile (scan_id, tile, block, first_column, last_column, status, attempt, pairs, candidates, comparisons, seconds, finished_at)
select scan_id, row_number() over (partition by scan_id order by block) - 1, block, 0, block,
       case status when 'done' then 'done' else 'pending' end, case status when 'done' then 1 else 0 end,
       pairs, candidates, comparisons, seconds, finished_at
from facedb.scan_block where status <> 'carried';

alter table facedb.scan_block
    add column carried boolean not null default false,
    add column face_ids bigint[];
update facedb.scan_block set carried = (status = 'carried');
-- A scan that was begun before can be finished by any worker too.
update facedb.scan_block b set face_ids = (
    select array_agg(e.face_id order by m.place)
    from unnest(b.embedding_ids) with ordinality as m(id, place)
    join facedb.embedding e on e.model_id = s.model_id and e.id = m.id
)
from facedb.scan s where s.id = b.scan_id and s.status = 'running';
alter table facedb.scan_block
    drop column status, drop column pairs, drop column candidates, drop column comparisons, drop column seconds, drop column finished_at,
    alter column face_ids set storage external;
comment on table facedb.scan_block is 'The ledger of a scan: which faces were compared, under which labels, in blocks that are the strips of its tiles.';
comment on column facedb.scan_block.carried is 'Whether the pairs among these faces were taken over from an earlier scan.';
comment on column facedb.scan_block.face_ids is 'Keys of its faces, as embedding_ids; null in scans that ended before facedb kept them.';
