-- one row an invoice: the shop counts orders, not lines
select
  invoice_no,
  min(customer_id) as customer_id,
  -- a few invoices run over into the next minute
  max(invoiced_at) as invoiced_at,
  bool_or(cancelled) as cancelled,
  sum(amount) as amount
from {{ ref('lines') }}
group by invoice_no
