-- What apply_batch would answer: it runs, its answer is kept, and everything it did is rolled back.
create or replace function store.try_batch(batch jsonb, decoded json, received text) returns jsonb
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  answer jsonb;
begin
  begin
    answer := store.apply_batch(batch, decoded, received);
    raise exception using errcode = 'OPDRY';
  exception
    when sqlstate 'OPDRY' then
      return answer;
  end;
end
$$;
