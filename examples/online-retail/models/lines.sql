-- what the file means: real times, money without rounding, and cancellations told from sales
select
  InvoiceNo as invoice_no,
  cast(CustomerID as varchar) as customer_id,
  strptime(InvoiceDate, '%m/%d/%y %H:%M') at time zone 'Europe/London' as invoiced_at,
  InvoiceNo like 'C%' as cancelled,
  StockCode as stock_code,
  trim(Description) as product,
  Quantity as quantity,
  -- a unit price has up to three decimals; as a float the sums would drift
  cast(Quantity as decimal(12, 0)) * cast(UnitPrice as decimal(18, 3)) as amount,
  Country as country
from {{ source('raw_lines') }}
