const zh = {
  chart: {
    entries: '签到情况',
    people: '签到人数',
    time: '时间',
    total: '累计',
    said: '累计 {total}；最多的 {step} 分钟里有 {most}（{time} 起）',
    nobody: '还没有人签到。',
    payouts: '发放情况',
    packets: '{count} 个红包',
    sent: '发出个数',
    noPackets: '还没有红包。',
  },
  preview: {
    title: '大屏预览',
    show: '显示预览',
    hide: '收起预览',
    help: '与大屏同一画面，只能看，没有声音。',
    frame: '大屏此刻的画面',
  },
  desk: { with: '{who} 也在控制台（{time} 起）' },
};

const en: typeof zh = {
  chart: {
    entries: 'Sign-in',
    people: 'People',
    time: 'Time',
    total: 'So far',
    said: '{total} in all; at most {most} within {step} min (from {time})',
    nobody: 'Nobody has signed in yet.',
    payouts: 'Payouts',
    packets: '{count} packets',
    sent: 'Sent',
    noPackets: 'No packets yet.',
  },
  preview: {
    title: 'What the screen shows',
    show: 'Show the preview',
    hide: 'Hide the preview',
    help: 'The same picture as in the hall, to look at only, without sound.',
    frame: 'The screen at this moment',
  },
  desk: { with: '{who} is at the desk too (since {time})' },
};

export const charts = { zh, en };
