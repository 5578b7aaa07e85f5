-- When somebody's personal data was removed: of one person, and of everybody in a meeting.
alter table person add column erased_at bigint;
alter table meeting add column erased_at bigint;
create index person_kept on person (meeting_id, id) where erased_at is null;
-- Which text a person agreed to, and how long it promised to keep what they gave; empty: before this was recorded.
alter table binding add column consent_version text not null default '';
-- Photos whose rows are gone and whose files are still to be removed: a crash between the two forgets none.
create table erased_file (
    upload text primary key,
    at bigint not null
);
