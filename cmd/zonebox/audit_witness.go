package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"zonebox/api"
	"zonebox/audit"
	"zonebox/keys"
	"zonebox/query"
)

// witness is one invocation of audit witness.
type witness struct {
	state    string // file of what the auditor keeps
	log      string // folder of a copied log, empty: ask the gate
	verifier string
	first    bool
	every    time.Duration
}

func (a *app) auditWitnessCmd() *cobra.Command {
	var w witness
	c := &cobra.Command{
		Use:   "witness",
		Short: a.say("在别处见证审计日志:核对并会签检查点,日志变短或分叉即告警", "witness the log from elsewhere: check and cosign its checkpoints, alarm if it shrank or forked"),
		Long: a.say(`由审计员在自己的机器上运行,只需自己的密钥与状态文件,不接触域目录。取日志最新的签名检查点,
核对它延续上一次所见证的,会签 (C2SP cosignature/v1) 后存入状态文件,再交给网关:此后网关不会在更短或不同的日志上启动。
首次以 --first 建立状态文件,--verifier-key 写审计员另行取得的日志公钥;不写则采信网关所报并显示出来。
状态文件遗失即不再有凭据,须查明原因后另立。日志变短或分叉时以退出码 10 结束,状态文件不变。
--log 核验拷来的审计目录的每一条,不经网关。`,
			`Run by the auditor on a machine of their own, with their own key and state file and
no access to the domain folder. Takes the newest signed checkpoint of the log, checks
that it continues the last one witnessed, cosigns it (C2SP cosignature/v1), keeps it in
the state file and hands it to the gate, which from then on does not start on a log
that is shorter or another.
--first begins a state file; --verifier-key is the log's key as the auditor got it
elsewhere, without it the gate's word is taken and shown. A state file that was lost
is evidence lost: find out why before another is begun. If the log shrank or forked the
command ends with exit code 10 and the state file stays as it is.
--log verifies every entry of a copied log folder instead, without a gate.`),
		Example: `  zonebox audit witness --state /srv/audit/nanjing.json --first --verifier-key zonebox-…+… --socket /run/nanjing.sock --as feng.audit
  zonebox audit witness --state /srv/audit/nanjing.json --every 10m --socket /run/nanjing.sock --as feng.audit
  zonebox audit witness --state /srv/audit/nanjing.json --log /media/copy/audit --as feng.audit`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if w.state == "" {
				return usageError{errors.New(a.say("缺少 --state 状态文件", "--state FILE is missing"))}
			}
			return a.witness(c.Context(), w)
		},
	}
	f := c.Flags()
	f.StringVar(&w.state, "state", "", a.say("状态文件,所在目录归审计员独有", "state file, in a folder of the auditor's own"))
	f.StringVar(&w.log, "log", "", a.say("拷来的审计目录", "copied log folder"))
	f.StringVar(&w.verifier, "verifier-key", "", a.say("审计日志公钥,与状态文件所记不同即拒绝", "verifier key of the log; refused if the state file says another"))
	f.BoolVar(&w.first, "first", false, a.say("建立状态文件", "begin a state file"))
	f.DurationVar(&w.every, "every", 0, a.say("每隔多久见证一次,缺省为一次", "witness again and again; once by default"))
	return c
}

// witness makes rounds until the log is found to be broken or the command is
// interrupted; without --every one.
func (a *app) witness(ctx context.Context, w witness) error {
	key, err := a.userKey()
	if err != nil {
		return err
	}
	release, err := audit.LockWitness(w.state)
	if err != nil {
		return err
	}
	defer release()
	for {
		err := a.witnessOnce(ctx, w, key)
		if w.every <= 0 || isTampered(err) || w.first && err != nil {
			return err
		}
		if err != nil && ctx.Err() == nil {
			a.report(err)
		}
		w.first = false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(w.every):
		}
	}
}

// witnessOnce checks, cosigns, keeps and hands over one checkpoint. What is kept is
// durable before anybody gets it.
func (a *app) witnessOnce(ctx context.Context, w witness, key *keys.User) error {
	state, err := audit.ReadWitness(w.state)
	switch {
	case err == nil && w.first:
		return usageError{fmt.Errorf(a.say("%s 已有状态,不得以 --first 重立", "%s holds a state already; --first would forget it"), w.state)}
	case errors.Is(err, fs.ErrNotExist) && !w.first:
		return usageError{fmt.Errorf(a.say("没有状态文件 %s;首次见证用 --first", "there is no state file %s; begin with --first"), w.state)}
	case errors.Is(err, fs.ErrNotExist):
		if state, err = a.firstWitness(ctx, w, key); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	if w.verifier != "" && w.verifier != state.Verifier {
		return &tamperedError{&audit.BrokenError{Code: audit.Unsigned, Entry: -1}}
	}
	last, _ := state.Last()
	x, client, err := a.extension(ctx, w, state, last)
	if err != nil {
		return err
	}
	err = state.Advance(x, a.now(), key.Sign)
	if broken := new(audit.BrokenError); errors.As(err, &broken) {
		return &tamperedError{broken}
	}
	if err != nil {
		return err
	}
	if err := state.Save(w.state); err != nil {
		return err
	}
	if client != nil {
		_, err := client.Cosign(ctx, state.Checkpoint)
		if p := new(api.Problem); errors.As(err, &p) && p.Code == "WITNESS_CONFLICT" {
			return &tamperedError{&audit.BrokenError{Code: audit.Forked, Entry: -1}}
		}
		if err != nil {
			return err
		}
	}
	now, at := state.Last()
	_, err = fmt.Fprintf(a.stdout, a.say("已见证 %d 条 (上次 %d 条),根 %.16s…,%s\n", "witnessed %d entries (%d last time), root %.16s…, %s\n"),
		now.Size, last.Size, now.Root, at.Local().Format(time.DateTime))
	return err
}

// firstWitness returns a state that has seen nothing yet.
func (a *app) firstWitness(ctx context.Context, w witness, key *keys.User) (*audit.Witness, error) {
	verifier, domain := w.verifier, audit.OriginOf(w.verifier)
	if w.log == "" {
		client, err := a.client()
		if err != nil {
			return nil, err
		}
		d, err := client.Domain(ctx)
		if err != nil {
			return nil, err
		}
		if verifier == "" {
			verifier, domain = d.AuditKey, d.ID
			fmt.Fprintf(a.stderr, a.say("采信网关所报的日志公钥,请另行核对: %s\n", "the gate's word is taken for the log's key; compare it by another way: %s\n"), printable(verifier))
		}
	}
	if verifier == "" {
		return nil, usageError{errors.New(a.say("缺少 --verifier-key", "--verifier-key is missing"))}
	}
	public, err := base64.StdEncoding.DecodeString(key.SigningKey())
	if err != nil {
		return nil, err
	}
	return audit.NewWitness(verifier, audit.Cosigner{Name: query.WitnessName(domain, key.Name()), Key: public}), nil
}

// extension asks the gate for the newest checkpoint, or verifies a copied folder; the
// client is nil then.
func (a *app) extension(ctx context.Context, w witness, state *audit.Witness, last audit.Head) (audit.Extension, *api.Client, error) {
	if w.log != "" {
		var kept [][]byte
		if state.Checkpoint != "" {
			kept = append(kept, []byte(state.Checkpoint))
		}
		_, err := audit.Verify(w.log, state.Verifier, kept...)
		if broken := new(audit.BrokenError); errors.As(err, &broken) {
			return audit.Extension{}, nil, &tamperedError{broken}
		} else if err != nil {
			return audit.Extension{}, nil, err
		}
		x, err := audit.Extend(w.log, last.Size)
		return x, nil, err
	}
	client, err := a.client()
	if err != nil {
		return audit.Extension{}, nil, err
	}
	x, err := client.Extension(ctx, last.Size)
	if err != nil {
		return audit.Extension{}, nil, err
	}
	return x.Extension, client, nil
}

// tamperedError says that the log is not the one that was witnessed.
type tamperedError struct{ broken *audit.BrokenError }

func (e *tamperedError) Error() string { return e.broken.Error() }

func isTampered(err error) bool {
	var t *tamperedError
	return errors.As(err, &t)
}
