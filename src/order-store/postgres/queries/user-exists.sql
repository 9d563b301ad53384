select user_id from store.users where user_id = $1
