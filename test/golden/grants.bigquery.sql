-- The rights that "cdp" needs for the project "acme ; drop table x", and no more.

-- It runs jobs; they are billed to this project.
grant `roles/bigquery.jobUser` on project `acme-analytics` to
  'serviceAccount:cdp@acme-analytics.iam.gserviceaccount.com';

-- What it reads. Of a view write `on view`; what a view reads must be readable too, unless it is authorized.
grant `roles/bigquery.dataViewer` on table `acme-analytics`.`raw`.`crm_contacts` to
  'serviceAccount:cdp@acme-analytics.iam.gserviceaccount.com';
grant `roles/bigquery.dataViewer` on table `acme-analytics`.`raw`.`Or"ders\`` to
  'serviceAccount:cdp@acme-analytics.iam.gserviceaccount.com';
grant `roles/bigquery.dataViewer` on table `shared`.`ref`.`countries` to
  'serviceAccount:cdp@acme-analytics.iam.gserviceaccount.com';

-- What it makes is in datasets of its own: published views, state, and the state of `--sandbox`.
create schema if not exists `acme-analytics`.`cdp` options (location = 'EU');
grant `roles/bigquery.dataEditor` on schema `acme-analytics`.`cdp` to
  'serviceAccount:cdp@acme-analytics.iam.gserviceaccount.com';
create schema if not exists `acme-analytics`.`_cdp` options (location = 'EU');
grant `roles/bigquery.dataEditor` on schema `acme-analytics`.`_cdp` to
  'serviceAccount:cdp@acme-analytics.iam.gserviceaccount.com';
create schema if not exists `acme-analytics`.`_cdp_sandbox` options (location = 'EU');
grant `roles/bigquery.dataEditor` on schema `acme-analytics`.`_cdp_sandbox` to
  'serviceAccount:cdp@acme-analytics.iam.gserviceaccount.com';

-- Not here: the tables that SQL models name without `ref`. Grant them in the same way. SQL models: invoices.
