-- The rights that "the "role"" needs for the project "acme ; drop table x", and no more.

-- The role. Put a password of your own, or let the server know it in another way.
create role "the ""role""" login password '…';
grant connect on database "an""alytics" to "the ""role""";

-- What it reads. A table that is dropped and made anew has lost its rights: let whoever makes it grant them.
grant usage on schema "raw" to "the ""role""";
grant usage on schema "ref" to "the ""role""";
grant select on "raw"."crm_contacts", "raw"."Or""ders`", "shared"."ref"."countries" to "the ""role""";

-- What it makes is in schemas of its own: published views, state, and the state of `--sandbox`.
create schema if not exists "cdp" authorization "the ""role""";
create schema if not exists "_cdp" authorization "the ""role""";
create schema if not exists "_cdp_sandbox" authorization "the ""role""";

-- Not here: the tables that SQL models name without `ref`. Grant them in the same way. SQL models: invoices.
