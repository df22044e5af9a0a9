-- The rights that "CDP_ROLE" needs for the project "acme ; drop table x", and no more.

-- The role, and who takes it.
create role if not exists "CDP_ROLE";
grant role "CDP_ROLE" to user "CDP";

-- What computes.
grant usage on warehouse "CDP_XS" to role "CDP_ROLE";

-- What it reads; a view is granted like a table.
grant usage on database "ANALYTICS" to role "CDP_ROLE";
grant usage on database "shared" to role "CDP_ROLE";
grant usage on schema "ANALYTICS"."raw" to role "CDP_ROLE";
grant usage on schema "shared"."ref" to role "CDP_ROLE";
grant select on table "ANALYTICS"."raw"."crm_contacts" to role "CDP_ROLE";
grant select on table "ANALYTICS"."raw"."Or""ders`" to role "CDP_ROLE";
grant select on table "shared"."ref"."countries" to role "CDP_ROLE";

-- What it makes is in schemas of its own: published views, state, and the state of `--sandbox`.
create schema if not exists "ANALYTICS"."cdp";
grant ownership on schema "ANALYTICS"."cdp" to role "CDP_ROLE" copy current grants;
create schema if not exists "ANALYTICS"."_cdp";
grant ownership on schema "ANALYTICS"."_cdp" to role "CDP_ROLE" copy current grants;
create schema if not exists "ANALYTICS"."_cdp_sandbox";
grant ownership on schema "ANALYTICS"."_cdp_sandbox" to role "CDP_ROLE" copy current grants;

-- Not here: the tables that SQL models name without `ref`. Grant them in the same way. SQL models: invoices.
