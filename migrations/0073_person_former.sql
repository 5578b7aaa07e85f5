-- What a person was called before, and the masked numbers they had, a line each: removed with them wherever it stands.
alter table person add column former_names text not null default '';
alter table person add column former_masks text not null default '';
