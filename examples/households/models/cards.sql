-- the address in one column, and once more as what households are told by; half an address is none
select
  card_id, name, email,
  street || ', ' || postcode as address,
  street || ', ' || postcode as address_key,
  cast(changed_at as timestamptz) as changed_at
from {{ source('raw_cards') }}
