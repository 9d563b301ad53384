select store.iso(at) as at, actor, action, outcome, note, encode(edited_key, 'base64') as edited_key,
       encode(edited_payload, 'base64') as edited_payload
from store.dead_letter_actions
where letter_id = $1
order by action_no
