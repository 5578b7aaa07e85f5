-- How the hall's screen looks and sounds: JSON of wire::Show, empty = as it comes.
alter table meeting add column look text not null default '';
