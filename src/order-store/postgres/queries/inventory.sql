select sku, quantity::text as quantity, store.iso(last_adjusted_at) as last_adjusted_at
from store.inventory
where sku = $1
