-- Badges: a personal code printed on each badge, made from the master key, the person and this number. Only a keyed hash of
-- the code is kept, from when a badge is first asked for.
alter table person add column badge_no bigint not null default 0;  -- rises when a badge is made anew: the old one is dead
alter table person add column badge_index text;
create unique index person_by_badge on person (meeting_id, badge_index);
-- Finding somebody by the staff number as it is typed.
create index person_by_staff_no on person (meeting_id, lower(staff_no));
