-- A host who leaves free seats free says so once, for every desk and after a reload.
alter table round add column left_free bigint not null default 0;
