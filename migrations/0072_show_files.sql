-- Photos of people for the winners' cards. The bytes lie in the file store under photos/PICTURE/; a photo goes with its person.
create table person_photo (
    person_id text primary key references person (id),
    meeting_id text not null references meeting (id),
    picture text not null,       -- 16 random bytes, hex: whoever knows it may see the photo
    created_at bigint not null
);
create unique index person_photo_by_picture on person_photo (picture);

-- Music of the host. The bytes lie in the file store under tracks/ID.
create table track (
    id text primary key,         -- 16 random bytes, hex
    meeting_id text not null references meeting (id),
    name text not null,          -- as the file was called
    kind text not null,          -- mp3 | ogg | m4a
    bytes bigint not null,
    made_by text not null references staff (id),
    created_at bigint not null
);
create index track_by_meeting on track (meeting_id);
