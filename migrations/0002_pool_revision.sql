-- The pool's revision in which a binding changed last: a server that knows the pool at one revision reads only what
-- changed since. Rows from before count as unchanged since revision 0, which nobody has kept.
alter table binding add column pool_rev bigint not null default 0;
create index binding_by_pool_rev on binding (meeting_id, pool_rev);
