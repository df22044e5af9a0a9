select
  order_id, email,
  street || ', ' || postcode as address,
  street || ', ' || postcode as address_key,
  cast(amount as decimal(12, 2)) as amount,
  cast(ordered_at as timestamptz) as ordered_at
from {{ source('raw_orders') }}
