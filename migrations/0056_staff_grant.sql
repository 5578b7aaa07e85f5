-- Roles that hold in one meeting only; those of `staff.roles` hold in every one.
create table staff_grant (
    staff_id text not null references staff (id),
    meeting_id text not null references meeting (id),
    roles text not null,         -- comma-separated, never owner
    made_at bigint not null,
    primary key (staff_id, meeting_id)
);
create index staff_grant_by_meeting on staff_grant (meeting_id);
alter table staff_link add column meetings text not null default '[]';  -- JSON of wire::MeetingRoles, for a new account
