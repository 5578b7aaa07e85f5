-- One row for a name that is tried: tries are reserved before a password is compared, which needs one row to be changed.
delete from login_failure;
alter table login_failure add column tries bigint not null default 1;
drop index login_failure_by_name;
create unique index login_failure_by_name on login_failure (username);
