-- People who registered themselves at the door, where the host lets them.
alter table person add column registered bigint not null default 0;  -- came by their own phone, not by the roster
alter table person add column waiting bigint not null default 0;     -- bound without tickets until staff accept them
alter table person add column refused text not null default '';      -- why staff did not, for the person's own page
create index person_waiting on person (meeting_id) where waiting = 1;
